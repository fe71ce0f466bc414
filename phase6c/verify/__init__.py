"""Whether the files of a study say what its ledger says, read from outside."""
