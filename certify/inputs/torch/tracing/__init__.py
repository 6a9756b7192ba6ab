"""How steps of a traced torch module become nodes of a graph."""
