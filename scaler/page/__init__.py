"""The status page and its JSON: from the board to views, and from views to text.

Views are frozen values without a clock, a lock or a secret, so that all of the page is a pure
function of them. Their fields are the names in the JSON.
"""
