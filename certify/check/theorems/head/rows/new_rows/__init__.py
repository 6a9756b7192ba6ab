"""D11, derived again: which predictions stay whatever rows are new."""

from certify.check.theorems.head.rows.new_rows.energies import proved as proved
