"""D3 and D4c by parts of the rows: what is kept of each evaluation row are its largest numbers."""
