"""unit: no I/O · integration: real servers · e2e: CLI, UI, browser · faults: processes killed."""
