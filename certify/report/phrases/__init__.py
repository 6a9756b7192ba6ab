"""Words and parts of sentences: one row for every word of the vocabulary, and what is put together from them."""
