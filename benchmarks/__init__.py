"""What measures the service: `make fuzz`, `make bombs`, `make conformance`."""
