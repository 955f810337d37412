"""Open311 GeoReport v2 (M-101): civic software asks and follows in the words of that standard, JSON and XML alike.

A service is a unit of the region, or `000` for "not known". The request's id is the query code: whoever has it may look,
nobody else, so there is no list of everybody's requests.
"""
