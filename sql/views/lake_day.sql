-- The day that a file's name says; NULL: it says none.
CREATE MACRO lake_day(path) AS ( -- noqa: CP05
    try_cast(substr(parse_filename(path), 5, 10) AS DATE)
);
