"""D15: what lengths of rows, and a step for each single row, prove of a softmax head with very many rows."""
