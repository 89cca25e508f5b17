"""From counts and requests to slates: views, served state, responder, HTTP."""
