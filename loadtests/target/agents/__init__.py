"""The agents of the reference backend: what is asked, who works on it, how it went, and how it is told.

question chat         what is asked, and by whom; the same out of a chat
pace                  how much work a question is: phases, tools, tokens, and the times of the stub provider
workers               who works: so many at once, a queue before them
execution result      one execution, from its worker to its result
service               all of them: the quick ones, the counts, the stop
ledger archive        how they ended: counts, metrics, log; and the database
faults dial spoiler   what goes wrong with agents and when; the hand on that dial; what it does to streams
endpoints             what is asked over HTTP
responses voices      executions as HTTP answers: whole, as event streams, as chat completions
answers               the right answers of all users, as a table for checks
"""

__all__: list[str] = []
