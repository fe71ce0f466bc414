"""The tables and documents of plans and results that commands show."""
