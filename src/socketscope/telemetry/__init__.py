"""The emit side's floor: what is counted, kept and handed to the OpenTelemetry API."""
