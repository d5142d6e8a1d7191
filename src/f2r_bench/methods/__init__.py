"""The methods that are compared, one file each, behind the protocol in `method.py`."""
