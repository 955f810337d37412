"""Plumbing without hotline words: who, when, where, how."""
