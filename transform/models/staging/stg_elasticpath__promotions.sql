{{ stage('elasticpath_promotions', [
    ['id', 'promotion_id', 'text'],
    ['store_id', 'store_id', 'text'],
    ['name', 'promotion_name', 'text'],
    ['enabled', 'is_enabled', 'boolean'],
    ['start', 'starts_at', 'timestamp'],
    ['end', 'ends_at', 'timestamp'],
]) }}
