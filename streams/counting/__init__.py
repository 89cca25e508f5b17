"""From records to committed counts: consumer process, attribution, rows, flush, restore."""
