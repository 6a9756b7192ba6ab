"""D14: what lengths of rows alone prove of a logistic head with very many of them."""
