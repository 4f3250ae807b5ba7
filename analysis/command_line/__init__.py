"""The commands by room, over the product that cli.py hands in. Knows neither cache nor pages.

Rooms, a function each command: weights, knowledge, tokens, training, dashboard, report, plans, questions.

Shared: options (what several commands ask for), parsing (words -> values), answers (records -> fields), terminal (how
they are printed), product (what is handed in), serving (the dashboard's server).
"""
