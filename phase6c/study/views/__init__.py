"""What is made from a study's ledger for others to read."""
