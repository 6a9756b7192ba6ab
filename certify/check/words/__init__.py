"""What every word of a spec means to this checker: one object a word, looked up once, where a problem asks for it."""
