"""Which of a night's candidates is put forward."""
