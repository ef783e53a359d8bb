"""HTTP vocabulary of the tap: connections, errors, throttling, paging, polling, fan-out. No vendor's word in here."""
