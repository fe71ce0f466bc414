"""Files as checked tables of daily bars: `readers` opens them, `checks` says all that is wrong."""
