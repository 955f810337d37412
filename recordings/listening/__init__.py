"""Listening (收听): who may, what of it is logged, the picture of the sound, and remarks."""
