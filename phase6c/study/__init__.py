"""A study on disk: its ledger, its configuration, its trials and its folders."""
