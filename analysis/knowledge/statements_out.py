"""Statement templates of the fourteen out-of-domain relations, 21 each, our own.

A line states the fact up to its object: {subject} once, the object follows after one space, without an article where
the dataset's objects have none (occupations, positions, genres). Data only; `templates.py` reads it.
"""

STATEMENTS = {
    "P26": """
        {subject} is married to
        The spouse of {subject} is
        {subject} married
        {subject} tied the knot with
        {subject} shares a home and a marriage with
        The wedding of {subject} was with
        {subject} exchanged vows with
        {subject} took as spouse
        The marriage certificate of {subject} also names
        The name of the husband or wife of {subject} is
        {subject} walked down the aisle with
        {subject} is wedded to
        At the altar, {subject} said yes to
        The person {subject} married is
        {subject} became the husband or wife of
        {subject}'s partner in marriage is
        The life of {subject} changed after the wedding with
        {subject} found lasting love with
        Spouse of {subject}:
        The couple consists of {subject} and
        {subject} wears a wedding ring given by
    """,
    "P40": """
        The child of {subject} is
        {subject} is the parent of
        {subject} had a child named
        {subject} raised
        The son or daughter of {subject} is
        {subject}'s offspring is
        {subject} is the mother or father of
        A child was born to {subject}, named
        {subject} passed the family name on to
        The family of {subject} includes a child,
        {subject} gave life to
        The heir of {subject} is
        Children of {subject}:
        One of the descendants of {subject} is
        {subject} brought up a child called
        Family records list, as a child of {subject},
        {subject} became a parent at the birth of
        The next generation after {subject} is
        {subject} told bedtime stories to
        The name that {subject} chose for the baby was
        In the family tree, below {subject} stands
    """,
    "P50": """
        The author of {subject} is
        {subject} was written by
        {subject} is a work by
        The writer of {subject} is
        {subject} was penned by
        {subject} came from the pen of
        The person who wrote {subject} is
        The name on the cover of {subject} is
        {subject} is the work of the author
        Credit for writing {subject} goes to
        The text of {subject} was composed by
        Readers of {subject} admire
        The manuscript of {subject} was finished by
        {subject}, written by
        The literary creator of {subject} is
        The story told in {subject} was invented by
        Author of {subject}:
        Libraries shelve {subject} under the name of
        The royalties for {subject} went to
        The title page of {subject} names
        Among the books of its author, {subject} stands out; it is by
    """,
    "P106": """
        The occupation of {subject} is
        {subject} works as
        By profession, {subject} is
        {subject} earned a living as
        The profession of {subject} is that of
        {subject} is best known as
        The job of {subject} is
        {subject} made a career as
        {subject}'s line of work is that of
        {subject} is employed as
        {subject} trained to become
        In working life, {subject} was
        The trade of {subject} is that of
        On the form, under occupation, {subject} wrote
        {subject} was by trade
        Occupation of {subject}:
        {subject} spent most working days as
        The calling that {subject} followed was that of
        Colleagues know {subject} as
        {subject} found success as
        The title on the business card of {subject} reads
    """,
    "P112": """
        {subject} was founded by
        The founder of {subject} is
        {subject} was established by
        {subject} was set up by
        The person who founded {subject} is
        {subject} was started by
        {subject} owes its existence to
        The creation of {subject} is credited to
        {subject} was called into being by
        The idea for {subject} came from
        {subject} was brought to life by
        The first head of {subject} was its founder,
        {subject} was launched by
        The founding document of {subject} was signed by
        A portrait in the entrance hall of {subject} shows the founder,
        Founder of {subject}:
        {subject} goes back to
        It was a bold step to found {subject}, taken by
        {subject} began as a project of
        The history of {subject} opens with its founder,
        Members of {subject} honour the founder,
    """,
    "P127": """
        {subject} is owned by
        The owner of {subject} is
        {subject} belongs to
        {subject} is the property of
        The proprietor of {subject} is
        {subject} is in the hands of
        Ownership of {subject} lies with
        {subject} is held by
        The title deeds of {subject} name
        {subject} is part of the holdings of
        The one who owns {subject} is
        The profits of {subject} go to
        {subject} was acquired by
        {subject} is controlled by its owner,
        Owner of {subject}:
        The rights to {subject} rest with
        {subject} counts among the possessions of
        Anyone who wants to buy {subject} must ask
        The books list {subject} as an asset of
        Decisions about the future of {subject} are made by its owner,
        Legally speaking, {subject} is owned by
    """,
    "P136": """
        The genre of {subject} is
        {subject} belongs to the genre of
        {subject} is known for
        {subject} is an example of
        In terms of genre, {subject} is
        {subject} falls into the category of
        The style of {subject} is described as
        Critics classify {subject} as
        {subject} is usually filed under
        The kind of work associated with {subject} is
        {subject} represents the style called
        Fans of {subject} like
        {subject} is counted as
        In the shop, {subject} stands on the shelf marked
        {subject} has been labelled
        Genre of {subject}:
        The category that suits {subject} best is
        {subject} is rooted in the tradition of
        The sort of entertainment that {subject} offers is
        Reviewers speak of {subject} as
        Listings give the genre of {subject} as
    """,
    "P170": """
        {subject} was created by
        The creator of {subject} is
        {subject} is a creation of
        {subject} was made by
        The artist behind {subject} is
        {subject} came from the hand of
        {subject} was designed by
        {subject} is attributed to
        The person who made {subject} is
        {subject} sprang from the imagination of
        {subject} was conceived by
        The signature on {subject} is that of
        {subject} is the work of the creator
        The mind that thought up {subject} was that of
        Creator of {subject}:
        Catalogues list {subject} among the works of
        Credit for creating {subject} belongs to
        The maker of {subject} is
        {subject} was brought into being by
        {subject} shows the talent of
        Visitors who admire {subject} ask about
    """,
    "P175": """
        {subject} was performed by
        The performer of {subject} is
        {subject} was recorded by
        {subject} was sung by
        {subject} is a recording by
        The artist who performed {subject} is
        The voice heard on {subject} is that of
        {subject} was released by the artist
        {subject} is performed on stage by
        The musician behind {subject} is
        {subject} became known in the version of
        {subject} appears in the discography of
        The music of {subject} is played by
        On the sleeve of {subject} stands the name of
        {subject} is a hit by
        Performer of {subject}:
        Audiences heard {subject} from
        {subject} belongs to the repertoire of
        {subject} was brought to the public by
        The applause after {subject} was for
        The crowd sang along when {subject} was performed by
    """,
    "P176": """
        {subject} is produced by
        The manufacturer of {subject} is
        {subject} is made by
        {subject} was built by
        {subject} is manufactured by
        The company that produces {subject} is
        {subject} is a product of the company
        {subject} left the factory of
        The maker's plate on {subject} reads
        {subject} was assembled by
        {subject} comes out of the workshops of
        The firm responsible for building {subject} is
        {subject} was delivered by
        {subject} is in the product range of
        Manufacturer of {subject}:
        The engineers who built {subject} worked for
        {subject} rolled off the production line of
        {subject} was constructed by the company
        The production of {subject} was in the hands of
        Spare parts for {subject} come from its manufacturer,
        The company behind {subject} is
    """,
    "P264": """
        The record label of {subject} is
        {subject} is represented by the label
        {subject} was released on
        {subject} is on the label
        {subject} was issued by
        The label that released {subject} is
        {subject} appears in the catalogue of
        The music label behind {subject} is
        {subject} came out through
        {subject} is signed to
        The contract for {subject} was made with
        {subject} was published by the record company
        The logo printed beside {subject} is that of
        {subject} has been distributed by
        Record label of {subject}:
        The recordings of {subject} are sold by
        {subject} has a deal with
        {subject} reached the shops thanks to
        The label responsible for {subject} is called
        {subject} recorded for
        Collectors look for {subject} on discs of
    """,
    "P407": """
        {subject} was written in
        The language of {subject} is
        {subject} is in the language
        The original language of {subject} is
        {subject} was composed in
        The words of {subject} are in
        {subject} was first published in
        Readers of {subject} need to know
        The language in which {subject} was written is
        {subject} uses the language
        The text of {subject} is in
        To follow {subject} without a translation, one must understand
        {subject} speaks to its audience in
        {subject} appeared in
        Language of {subject}:
        The author of {subject} wrote it in
        Before any translation, {subject} existed in
        Every sentence of {subject} is in
        {subject} is worded in
        The tongue of {subject} is
        Those who quote {subject} in the original quote it in
    """,
    "P413": """
        {subject} plays as
        The position of {subject} is
        {subject} plays in the position of
        {subject} is used by the coach as
        On the team, {subject} is the
        The playing position of {subject} is
        {subject} lines up as
        {subject} made a name in the game as
        {subject} took the field as
        In the team sheet, {subject} is listed as
        {subject} appears for the team as
        The role of {subject} in the team is that of
        {subject} started the match as
        {subject} is at home in the position of
        {subject} was signed by the club to play as
        Position of {subject}:
        The coach fields {subject} as
        {subject} has played most games as
        Commentators describe {subject} as
        In sports, {subject} is known as
        Fans remember {subject} as
    """,
    "P800": """
        {subject} is famous for
        The best-known work of {subject} is
        {subject} is known for creating
        {subject} gained fame with
        The masterpiece of {subject} is
        {subject} is remembered for
        {subject} made history with
        The notable work of {subject} is
        {subject} became known through
        {subject} is celebrated for
        {subject} is the name behind
        The fame of {subject} rests on
        The most important achievement of {subject} is
        When people hear the name {subject}, they think of
        Notable work of {subject}:
        {subject} had the greatest success with
        The world owes to {subject}
        The name of {subject} is linked with
        Among all the works of {subject}, the most famous is
        {subject} won recognition for
        Every article about {subject} mentions
    """,
}
