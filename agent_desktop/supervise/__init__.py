"""Supervision (主管): calls, their stories, recordings and scores."""
