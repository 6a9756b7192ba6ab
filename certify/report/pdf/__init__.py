"""A report as PDF/A: the same facts as the page, as blocks that a fixed typst template sets."""
