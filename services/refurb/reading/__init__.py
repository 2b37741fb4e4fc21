"""What pages and the API read of refurb beyond the board: it changes nothing."""
