"""What a problem is declared with: all that a user's `problem/` imports."""
