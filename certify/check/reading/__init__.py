"""From bytes to the exact problem: certificate, files, spec, data. Nothing is believed, everything is compared."""
