"""From readings to energy: points of frames, minutes, windows, and what they say of a site."""
