"""Pure tables and statistics: no disk, no clock, no service."""
