"""What a spec says beside the plain question: a file a part, read where the spec has it."""
