"""Files that an earlier program wrote, of every kind that this one reads."""
