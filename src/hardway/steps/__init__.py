"""The steps' modules; `index` has them all, in order.

Nothing is imported here: whoever needs one table of one step would get all of them, and each
command start a quarter of a second later.
"""
