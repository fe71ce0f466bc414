"""Words, tables and progress for people who watch a terminal or a notebook."""
