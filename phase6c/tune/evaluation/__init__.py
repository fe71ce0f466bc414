"""The trainings of an evaluation, from their options to the card."""
