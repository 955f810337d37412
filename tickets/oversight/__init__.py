"""Complaints and oversight (投诉与监督): handled by the supervision body, explained, ordered, accounted for."""
