"""D20 as certificates state it: points of which a checker need not look at many choices."""
