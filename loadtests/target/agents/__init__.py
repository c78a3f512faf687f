"""The agents of the reference backend: what is asked, who works on it, how it went, and how it is told.

question            what is asked, and by whom
pace                how much work a question is: phases, tools, tokens, and the times of the stub provider
workers             who works: so many at once, a queue before them
execution           one execution, from its worker to its result
agents              all of them: the quick ones, the counts, the stop
faults dial         what goes wrong with agents and when; and the hand on that dial
result              the savings as they are answered, wrong ones among them
sse chat responses  executions as event streams, as chat completions, as HTTP answers
answers             the right answers of all users, as a table for checks
"""

__all__: list[str] = []
