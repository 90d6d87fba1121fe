"""The page for programs: tools that agents call, and what tells them so."""
