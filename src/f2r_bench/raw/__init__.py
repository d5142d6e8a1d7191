"""Raw clips: the protocol of CRVD and a stand-in for its data."""
