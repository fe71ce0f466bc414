"""From daily bars to scaled, dated windows; needs neither torch nor ray."""
