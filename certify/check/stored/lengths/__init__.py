"""D14 for rows on disk: what lengths of rows prove of a logistic regression, by one reading after their sizes."""
