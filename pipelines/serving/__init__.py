"""Who answers for a day, and what is published."""
