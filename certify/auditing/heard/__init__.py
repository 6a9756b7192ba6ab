"""What people say in their own words, before a question is found that is called so."""
