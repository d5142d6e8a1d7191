"""Device, processes, durable files, memory and reports."""
