"""The folder that a killed run goes on from."""
